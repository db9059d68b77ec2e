"""From passages to an answer: prompts, chat, voting, calibration and fallback."""
