"""What is read of jobs, one by one, in pages and counted. These scripts write nothing."""
