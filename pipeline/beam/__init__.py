"""The Beam graph, its workers here and on clusters, and what is refused before a job begins."""
