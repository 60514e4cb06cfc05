// Package body reads the bodies of requests and writes the bodies of answers. Clients
// send strict JSON, CIM's clients lenient JSON, and nodes protobuf. It knows no use case.
// All its errors are *proto.Error with the code Invalid or TooLarge.
package body
