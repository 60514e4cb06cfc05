package link

import (
	"github.com/cim-go/cim/node/link/proxyheader"
)

// proxied is the input of a link that comes from a proxy. A PROXY header may stand
// before everything else.
type proxied struct {
	next input
	head []byte
}

func (p *proxied) push(l *Link, b []byte) error {
	p.head = append(p.head, b...)
	client, n, err := proxyheader.Cut(p.head)
	if err != nil || n == proxyheader.Incomplete {
		return err
	}
	if client.IsValid() {
		if err := l.behind(client); err != nil {
			return err
		}
	}
	l.in = p.next
	if rest := p.head[n:]; len(rest) > 0 {
		return l.in.push(l, rest)
	}
	return nil
}
