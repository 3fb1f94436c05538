package main

import (
	"context"
	"syscall"
)

// control sees a connection's resolved address before it is made: a name may stand for a private one.
func (b *bridge) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	return b.allowsTarget(address)
}
