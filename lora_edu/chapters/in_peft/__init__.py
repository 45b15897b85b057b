"""The code behind the chapter *The same in PEFT*."""
