//go:build unix

package socket

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"time"
)

// Limits of a connection.
const (
	headerTime  = 10 * time.Second // for a request's head to arrive
	idleTime    = 2 * time.Minute  // between two requests
	maxHeader   = 32 << 10         // bytes of a request's head
	contentType = "application/problem+json"
)

// Server serves HTTP on a socket until Shutdown.
type Server struct {
	http *http.Server
	done chan struct{}
	err  error
}

// Serve serves h on ln to this user and to root. It returns at once; Shutdown
// ends it.
func Serve(ln net.Listener, h http.Handler) *Server {
	return serve(ln, h, allowed)
}

// allowed reports whether a user may use the daemon of this one.
func allowed(uid uint32) bool { return uid == 0 || int(uid) == os.Getuid() }

type strangerKey struct{}

func serve(ln net.Listener, h http.Handler, allowed func(uid uint32) bool) *Server {
	base, stop := context.WithCancel(context.Background())
	s := &Server{done: make(chan struct{}), http: &http.Server{
		Handler:                      guard(h),
		ReadHeaderTimeout:            headerTime,
		IdleTimeout:                  idleTime,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		BaseContext:                  func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if uid, err := peerUser(c); err != nil || !allowed(uid) {
				return context.WithValue(ctx, strangerKey{}, true)
			}
			return ctx
		},
	}}
	// The contexts of requests end after the last connection was taken, so that
	// streams say good-bye and waits return.
	s.http.RegisterOnShutdown(stop)
	go func() {
		defer close(s.done)
		defer stop()
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.err = err
		}
	}()
	return s
}

// Done is closed when nothing is accepted any more.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says, after Done, why serving ended by itself; nil after Shutdown.
func (s *Server) Err() error { return s.err }

// Shutdown stops accepting, ends the contexts of the requests that wait, and
// returns when all are answered. What is not by the end of ctx is cut off,
// with ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	<-s.done
	return err
}

// guard answers strangers.
func guard(h http.Handler) http.Handler {
	body, _ := json.Marshal(map[string]any{
		"code": "not_allowed", "title": "Not allowed", "status": http.StatusForbidden,
		"detail": "this daemon serves the user that runs it, and root; use the socket of your own",
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(strangerKey{}) == nil {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close")
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(body)
	})
}

// peerUser returns the user at the other end of a connection.
func peerUser(c net.Conn) (uid uint32, err error) {
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return 0, errors.New("not a Unix socket")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	if e := raw.Control(func(fd uintptr) { uid, err = userOf(int(fd)) }); e != nil {
		return 0, e
	}
	return uid, err
}
