// Package config is how the programs cim-server and cim-route read what they
// are told and say what they do: flags win over the environment (CIM_...), which
// wins over a file; secrets may stand in files of their own; logs are slog's. It
// also sets Go's runtime to what there is to do (PaceGC, Procs), which wants the
// whole process, so that no part of a node or a route can do it.
package config
