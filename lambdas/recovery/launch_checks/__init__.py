"""Looks at what the launches of a plan need in EC2, IAM and Service Quotas before they are made.

A readiness run judges the launches of drills and of recoveries, each with the settings that its launch profile gives
it. It reads much at once and little for single servers, so that a thousand servers cost a few dozen calls.
"""
