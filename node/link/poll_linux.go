package link

// poll is the epoll engine's state of a link. The link's mu guards it.
//
// A goroutine uses the descriptor only while it holds mu or has pinned the descriptor.
// The descriptor is closed under mu, once the link's state is closed and nobody has
// pinned it. From then on the value of fd is none. So no goroutine ever uses a number
// that was closed.
type poll struct {
	fd      int32
	pins    uint8
	watched uint8 // the events that epoll is to report: watchIn, watchOut
	blocked bool  // the socket takes no bytes now; epoll reports when it takes some again
}

const none = -1

const (
	watchIn  = 1 << iota // bytes came
	watchOut             // the socket takes bytes again
)

const hasEpoll = true
