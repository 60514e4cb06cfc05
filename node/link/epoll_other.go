//go:build !linux

package link

import "net"

const hasEpoll = false

// poll is empty on systems without epoll.
type poll struct{}

func newEpoll(*Server, *net.TCPListener) (engine, error) { panic("there is no epoll") }
