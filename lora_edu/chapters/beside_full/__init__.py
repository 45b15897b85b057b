"""The code behind the chapter *Beside full fine-tuning*."""
