"""Pictures of the dashboards, drawn by Grafana's rules for the grid with figures that are made up: for looking at their layout.

python -m tests.drawing FOLDER [UID ...]
"""
