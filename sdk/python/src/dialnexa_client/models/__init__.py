"""What the API answers, as frozen objects. Each keeps the whole answer in ``raw``, so nothing new is out of reach."""
