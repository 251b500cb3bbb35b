"""`disputatio warm`: compile the full sandbox for this machine, once."""

import typer

from disputatio.apps.output import reported


def warm() -> None:
    """Compile the sandbox `wasi` for this machine, once, so that code of agents can use numpy, sympy and matplotlib.

    It takes about a minute on two cores, 2.5 GB of memory and 300 MB in the cache folder, and needs the extra `python`.
    """
    with reported():
        from disputatio.tools.sandbox_wasi import WasiSandbox, is_warm

        sandbox = WasiSandbox()
        if not is_warm():
            typer.echo("Compiling CPython for this machine (about a minute) ...", err=True)
            sandbox.warm()
        typer.echo("The sandbox wasi is ready.")
