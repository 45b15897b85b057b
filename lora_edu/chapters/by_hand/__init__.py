"""The code behind the chapter *Forward and backward by hand*."""
