// Command allotment-gateway is a peer of the storage network that tabs reach by WebTransport, WebRTC or WebSocket:
// it fetches pieces for them from peers that speak TCP only, and bridges their own connections to such peers.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
)

const keyFile = "peer-key"

func main() {
	opts, err := parseOptions(os.Args[1:])
	switch {
	case errors.Is(err, errHelp):
		fmt.Print(usage)
	case err != nil:
		fmt.Fprintf(os.Stderr, "%v; see “allotment-gateway --help”.\n", err)
		os.Exit(2)
	default:
		if err := run(opts); err != nil {
			fmt.Fprintf(os.Stderr, "gateway stopped: %v\n", err)
			os.Exit(1)
		}
	}
}

func run(opts options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := os.MkdirAll(opts.data, 0o700); err != nil {
		return err
	}
	key, err := peerKey(opts.data)
	if err != nil {
		return err
	}
	code, err := pairingCode(opts.data)
	if err != nil {
		return err
	}
	g, err := startGateway(opts, key)
	if err != nil {
		return err
	}
	defer g.close()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", opts.bridgePort))
	if err != nil {
		return err
	}
	server := newBridge(opts, code, g.addresses).server()
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	for _, address := range g.addresses() {
		fmt.Printf("Listening on %s\n", address)
	}
	fmt.Printf("Gateway on http://%s\nPairing code: %s\n", listener.Addr(), code)
	if err := g.run(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	shutdown, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = server.Shutdown(shutdown)
	return nil
}

// peerKey is the key of this folder, made at the first start.
func peerKey(folder string) (crypto.PrivKey, error) {
	path := filepath.Join(folder, keyFile)
	if known, err := os.ReadFile(path); err == nil {
		return crypto.UnmarshalPrivateKey(known)
	}
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	raw, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, raw, 0o600)
}
