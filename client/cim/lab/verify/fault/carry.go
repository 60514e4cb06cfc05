package fault

import (
	"container/heap"
	"context"
	"io"
	"time"
)

// linkMTU is the largest packet of the link, in bytes.
const linkMTU = 1500

// carry gives each packet that it reads from the device back to it when the line
// says, until ctx ends. It closes the device, and what is under way then is lost. The
// line bounds how much that is: its rate times queue and delay, under 200 kB.
func carry(ctx context.Context, device io.ReadWriteCloser, l *line) error {
	read, failed := make(chan []byte), make(chan error, 1)
	go func() { failed <- readPackets(ctx, device, read) }()
	err := pass(ctx, device, l, read)
	_ = device.Close() // which ends the reading; nothing more is to be written
	for range read {
	}
	if ended := <-failed; err == nil && ctx.Err() == nil {
		err = ended
	}
	return err
}

// readPackets hands over what it reads until that fails, and closes packets.
func readPackets(ctx context.Context, device io.Reader, packets chan<- []byte) error {
	defer close(packets)
	for buffer := make([]byte, linkMTU); ; {
		n, err := device.Read(buffer)
		if err != nil {
			return err
		}
		select {
		case packets <- append([]byte(nil), buffer[:n]...):
		case <-ctx.Done():
			return nil
		}
	}
}

// pass writes the packets in the order in which they arrive, until there are no more.
func pass(ctx context.Context, device io.Writer, l *line, read <-chan []byte) error {
	var way underWay
	next := time.NewTimer(time.Hour)
	defer next.Stop()
	for {
		if len(way) > 0 {
			next.Reset(time.Until(way[0].arrives))
		}
		select {
		case <-ctx.Done():
			return nil
		case b, ok := <-read:
			if !ok {
				return nil
			}
			if arrives, ok := l.take(time.Now(), len(b)); ok {
				heap.Push(&way, packet{arrives, b})
			}
		case <-next.C:
			for len(way) > 0 && !way[0].arrives.After(time.Now()) {
				if _, err := device.Write(heap.Pop(&way).(packet).bytes); err != nil {
					return err
				}
			}
		}
	}
}

type packet struct {
	arrives time.Time
	bytes   []byte
}

// underWay are packets by when they arrive, a heap.
type underWay []packet

func (u underWay) Len() int           { return len(u) }
func (u underWay) Less(i, j int) bool { return u[i].arrives.Before(u[j].arrives) }
func (u underWay) Swap(i, j int)      { u[i], u[j] = u[j], u[i] }
func (u *underWay) Push(p any)        { *u = append(*u, p.(packet)) }
func (u *underWay) Pop() any {
	last := len(*u) - 1
	p := (*u)[last]
	*u = (*u)[:last]
	return p
}
