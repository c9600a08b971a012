"""One module for each command of `subtally`, imported only when that command is called for."""
