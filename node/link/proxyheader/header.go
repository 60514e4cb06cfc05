// Package proxyheader reads the header of the PROXY protocol (HAProxy's
// proxy-protocol.txt, versions 1 and 2), with which a proxy names the client for which
// it connects. It does no I/O.
package proxyheader

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/pires/go-proxyproto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
)

// The PROXY protocol begins with one of these (sections 2.1 and 2.2). No frame begins
// like this, because a frame with these bytes would be shorter than its first field.
var starts = [][]byte{[]byte("PROXY "), []byte("\r\n\r\n\x00\r\nQUIT\n")}

const (
	maxV1  = 107       // bytes, including the line end; section 2.1
	headV2 = 16        // bytes before the addresses; section 2.2
	maxV2  = 4<<10 - 1 // bytes; addresses take 36, and proxies add little
)

// Incomplete is returned as the length of a header whose end has not come yet.
const Incomplete = -1

// Cut reads the header that head begins with. It returns the client, and the length of
// the header in bytes. The length is zero if head begins with no such header. The client
// is not valid if there is no header, or if the header names none (UNKNOWN, LOCAL). If
// the header names none, the connection is one of the proxy itself, for example a health
// check. The error is a *proto.Error with the code BadFrame.
func Cut(head []byte) (client netip.Addr, n int, err error) {
	for i, start := range starts {
		if seen := min(len(head), len(start)); !bytes.Equal(head[:seen], start[:seen]) {
			continue
		}
		n, err = lengthOf(head, i == 1)
		if err != nil {
			return client, 0, err
		}
		if n == 0 || len(head) < n {
			return client, Incomplete, nil
		}
		client, err = named(head[:n])
		return client, n, err
	}
	return client, 0, nil
}

// lengthOf returns the length of the PROXY header that head begins with, or zero while
// the length is not known yet. The error has the code BadFrame.
func lengthOf(head []byte, version2 bool) (int, error) {
	if version2 {
		if len(head) < headV2 {
			return 0, nil
		}
		return atMost(maxV2, headV2+int(binary.BigEndian.Uint16(head[headV2-2:])))
	}
	if end := bytes.Index(head, []byte("\r\n")); end >= 0 {
		return atMost(maxV1, end+2)
	}
	if len(head) < maxV1 {
		return 0, nil
	}
	return atMost(maxV1, len(head)+1)
}

func atMost(most, n int) (int, error) {
	if n > most {
		return 0, proto.Err(proto.BadFrame, "The PROXY header is too long.")
	}
	return n, nil
}

// named returns the client that a header names.
func named(header []byte) (client netip.Addr, err error) {
	h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(header)))
	if err != nil {
		return client, proto.Err(proto.BadFrame, "The PROXY header cannot be read.")
	}
	if h.Command.IsProxy() {
		client = sourceip.Addr(h.SourceAddr)
	}
	return client, nil
}
