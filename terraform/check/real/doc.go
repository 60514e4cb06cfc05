// Command real holds terraform/ against the real provider for AWS and an emulator of
// AWS' API. `make terraform-check` runs it: on demand, because it takes minutes, and the
// provider the better part of an hour to build for the first time.
//
//	install    the provider and moto, in the versions of package pin, into a cache
//	validate   every module, example and root, with the real provider
//	test       the mocked tests, with the real provider
//	plan       every root as it is, against an empty account
//	apply      aws, unmodified, with the artifacts of make dist
//	claims     asked of AWS: ports, secrets, artifacts, hooks, the function (claims.go)
//	run        the deployed zip, as Lambda would, and a node, as its script would, against the
//	           secrets that were made
//	plan       again: nothing may differ but what differences.txt has, with reasons
//	apply      again with a key for each process, and ask which role reads which
//	destroy    without an error, and with nothing left
//
// An HTTPS proxy of our own leads to the emulator, so that roots need no switch for it.
// Its certificates are those of an authority that is made for each run. No request can
// reach the real AWS by mistake; see cloud.
//
// Some things cannot be tried with the emulator. It runs no user data, evaluates no
// policy and carries no packet. It lacks alarms that the provider can make, and the parts
// of ElastiCache that modules/redis uses. Those are planned, by the provider's rules, and
// not applied.
package main
