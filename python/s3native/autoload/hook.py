"""Imports `s3native.tensorflow` as soon as TensorFlow has been imported.

`s3native tensorflow install-autoload` has put this here, and `remove-autoload` removes it.
"""

import sys


class _Finder:
    """Finds nothing itself: has TensorFlow found as ever, and something done when it is loaded."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != "tensorflow" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        import importlib.util

        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_both(module):  # type: ignore[no-untyped-def]
                load(module)
                _import_ours()

            spec.loader.exec_module = load_both  # type: ignore[method-assign]
        return spec


def _import_ours() -> None:
    """TensorFlow works without: whatever goes wrong is a warning."""
    try:
        import s3native.tensorflow  # noqa: F401
    except Exception as error:
        import warnings

        text = f"s3:// does not work in TensorFlow: {type(error).__name__}: {error}"
        warnings.warn(text, RuntimeWarning, stacklevel=1)


sys.meta_path.insert(0, _Finder())
