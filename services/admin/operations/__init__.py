"""Everything an operator can do, once. REST and gRPC are two ways of asking; `services.admin.access` says who may."""
