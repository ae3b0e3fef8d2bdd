"""What people see: thin pages without SQL or formula."""
