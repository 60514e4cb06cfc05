// Package process has the code that the programs cim-server, cim-route and cim share. It
// handles flags, environment variables (CIM_...) and a file of settings. It also handles
// secrets and keys, the log, HTTP listeners, signals, and exit statuses. Only programs
// import it.
//
// Flags take precedence over the environment, and the environment over the file. A secret
// may be in a file of its own or in AWS Secrets Manager. Logs are slog's.
package process
