"""The server itself: whose data it holds, whether it runs scripts and accepts writes."""
