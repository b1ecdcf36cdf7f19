"""Makes conda channels of other people's software at test time: fetch (apt, pip), lay out, pack, index."""
