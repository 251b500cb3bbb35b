"""What runs in processes of its own; see `disputatio.tools.own_process`. These files import nothing of Disputatio."""
