package postgres_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rdslink/rdslink/local/postgres"
)

// slow is a connection whose first write returns only when its answer has been read, as on a machine with much to do.
type slow struct {
	net.Conn
	answered <-chan struct{}
	once     sync.Once
}

func (s *slow) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.once.Do(func() {
		<-s.answered
		time.Sleep(20 * time.Millisecond) // until whoever read the answer reads on
	})
	return n, err
}

// serveOne is a server that lets a client in and answers each query.
func serveOne(conn net.Conn, answered chan<- struct{}) {
	backend := pgproto3.NewBackend(conn, conn)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	var once sync.Once
	for {
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if backend.Flush() != nil {
			return
		}
		once.Do(func() { close(answered) })
		if _, err := backend.Receive(); err != nil {
			return
		}
		backend.Send(&pgproto3.EmptyQueryResponse{})
	}
}

func TestARelayHearsTheFirstAnswerOnABusyMachine(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	answered := make(chan struct{})
	go serveOne(far, answered)
	config, err := pgconn.ParseConfig("host=127.0.0.1 user=app dbname=orders sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		return &slow{Conn: near, answered: answered}, nil
	}
	server, err := postgres.TakeOver(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	_ = near.SetDeadline(time.Now().Add(5 * time.Second))
	query, err := (&pgproto3.Query{String: "select 1"}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := near.Write(query); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1)
	if _, err := server.Conn.Read(answer); err != nil || answer[0] != 'I' { // EmptyQueryResponse
		t.Errorf("heard %q, %v", answer, err)
	}
}
