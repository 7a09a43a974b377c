"""The console's room: pages, protocol, the door. It knows no machine; `compose` fills it."""
