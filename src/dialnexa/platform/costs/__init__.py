"""What calls cost: the operator's price lists, and the cost of each call at the prices of its day."""
