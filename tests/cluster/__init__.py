"""Minutes of traffic to two servers with four workers each, while everything that they share fails."""
