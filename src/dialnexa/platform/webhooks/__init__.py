"""What the outside must learn: the transactional outbox."""
