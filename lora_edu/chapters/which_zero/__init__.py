"""The code behind the chapter *Which matrix is zero*."""
