"""What agents may be made of: languages, language models, transcribers and voices of this installation."""
