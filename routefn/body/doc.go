// Package body reads the bodies of requests and writes those of answers: strict JSON
// from clients, lenient JSON from CIM's clients, protobuf from nodes. It knows no use
// case. All its errors are *proto.Error with the code Invalid or TooLarge.
package body
