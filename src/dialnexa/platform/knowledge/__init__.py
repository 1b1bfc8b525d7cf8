"""Knowledge bases: documents, the passages they are cut into, and finding the ones that answer a question."""
