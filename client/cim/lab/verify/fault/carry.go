package fault

import (
	"container/heap"
	"context"
	"io"
	"time"
)

// linkMTU is the largest packet of the link, in bytes.
const linkMTU = 1500

// carry reads packets from the device until ctx ends. It writes each packet back at the
// time that the line decides. In the end it closes the device, and the packets under way
// are lost. These are less than 200 kB, which follows from the line's rate, queue and
// delay.
func carry(ctx context.Context, device io.ReadWriteCloser, l *line) error {
	read, failed := make(chan []byte), make(chan error, 1)
	go func() { failed <- readPackets(ctx, device, read) }()
	err := pass(ctx, device, l, read)
	_ = device.Close() // this ends the reading, and nothing is written any more
	for range read {
	}
	if ended := <-failed; err == nil && ctx.Err() == nil {
		err = ended
	}
	return err
}

// readPackets passes on the packets that it reads, until reading fails. Then it closes the
// channel packets.
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

// pass writes the packets in the order of their arrival at the far end of the line, until
// there are no more.
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

// underWay is a heap of packets, by the time when they arrive.
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
