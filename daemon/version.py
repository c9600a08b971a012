"""The version of the installed program."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("subtally")
except PackageNotFoundError:  # run from a checkout that was never installed
    VERSION = "0+unknown"
