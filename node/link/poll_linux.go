package link

// poll is the epoll engine's state of a link. The link's mu guards it.
//
// A goroutine uses the descriptor only while it holds mu or has pinned it. It is closed
// under mu, once the link's state is closed and no goroutine has it pinned. From then on
// fd is none. So no goroutine ever uses a number that was closed.
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
