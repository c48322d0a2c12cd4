"""The AWS emulator behind this one: EC2, EventBridge and STS of the engine, or stand-ins when there is no engine.

Only this package calls another service. It knows accounts and Regions, but none of DRS's records; results reach the
simulation through callbacks.
"""
