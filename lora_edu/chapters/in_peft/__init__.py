"""The code behind the chapter *Using PEFT*."""
