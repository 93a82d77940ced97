// Package socket opens the Unix socket that beckond listens on and serves HTTP
// on it to the user that runs the daemon, and to root, only: by the socket's
// mode and, for each connection, by the credentials that the kernel tells.
//
// The package must not know what is served.
package socket
