"""Published strategies, one file each, made of the patterns in the folder above; `disputatio.graphs` exports them."""
