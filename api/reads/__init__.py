"""What can be read: lists, documents, timelines, exports. All from the primary with majority concern."""
