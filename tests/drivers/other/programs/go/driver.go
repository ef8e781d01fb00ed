// Runs scenarios with go-sql-driver/mysql: a JSON task on the standard input, a JSON report on the standard output.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"
)

type taskType struct {
	Host, User, Password, Database, Authority, Emoji, Multi, Infile string
	WrongAuthority                                                  string `json:"wrong_authority"`
	Port, Big                                                       int
	Prepared                                                        bool
	Scenarios                                                       []string
}

var task taskType

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// A value as text: NULL stays, bytes that are no UTF-8 text become hexadecimal.
func shown(value interface{}) interface{} {
	var text string
	switch known := value.(type) {
	case nil:
		return nil
	case []byte:
		text = string(known)
	case time.Time:
		return known.Format(time.RFC3339Nano)
	default:
		text = fmt.Sprint(known)
	}
	if !utf8.ValidString(text) || strings.IndexFunc(text, func(each rune) bool { return each < 32 }) >= 0 {
		return "x" + hex.EncodeToString([]byte(text))
	}
	return text
}

func tlsName(authority string) string {
	pem, err := os.ReadFile(authority)
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	check(mysql.RegisterTLSConfig("ofthetask", &tls.Config{RootCAs: pool, ServerName: task.Host}))
	return "ofthetask"
}

func connected(change func(*mysql.Config)) *sql.DB {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = task.User, task.Password, task.Database
	config.Net, config.Addr = "tcp", net.JoinHostPort(task.Host, fmt.Sprint(task.Port))
	config.InterpolateParams = !task.Prepared
	config.Collation = "utf8mb4_unicode_ci"
	config.MaxAllowedPacket = 64 << 20
	if task.Authority != "" {
		config.TLSConfig = tlsName(task.Authority)
	}
	if change != nil {
		change(config)
	}
	pool, err := sql.Open("mysql", config.FormatDSN())
	check(err)
	return pool
}

type queryer interface {
	QueryContext(context.Context, string, ...interface{}) (*sql.Rows, error)
}

func rowsOf(rows *sql.Rows) [][]interface{} {
	columns, err := rows.Columns()
	check(err)
	seen := [][]interface{}{}
	for rows.Next() {
		values, places := make([]interface{}, len(columns)), make([]interface{}, len(columns))
		for index := range values {
			places[index] = &values[index]
		}
		check(rows.Scan(places...))
		for index := range values {
			values[index] = shown(values[index])
		}
		seen = append(seen, values)
	}
	return seen
}

func selected(from queryer, statement string, values ...interface{}) [][]interface{} {
	rows, err := from.QueryContext(context.Background(), statement, values...)
	check(err)
	defer rows.Close()
	seen := rowsOf(rows)
	check(rows.Err())
	return seen
}

func results(pool *sql.DB, statement string) []interface{} {
	seen := []interface{}{}
	rows, err := pool.Query(statement)
	check(err)
	defer rows.Close()
	for {
		if columns, err := rows.Columns(); err == nil && len(columns) > 0 {
			seen = append(seen, rowsOf(rows))
		}
		if !rows.NextResultSet() {
			break
		}
	}
	check(rows.Err())
	return seen
}

// The driver's rows do not survive an error in a later statement: the statements that work first, then all of them.
func multi() interface{} {
	pool := connected(func(config *mysql.Config) { config.MultiStatements = true })
	seen := results(pool, task.Multi[:strings.LastIndex(task.Multi, ";")])
	_, err := pool.Exec(strings.ReplaceAll(task.Multi, "'multi'", "'again'"))
	var failed *mysql.MySQLError
	if errors.As(err, &failed) {
		seen = append(seen, map[string]interface{}{"code": failed.Number})
	}
	return seen
}

const insert = "INSERT INTO od_item (note) VALUES (?)"

func types() interface{} {
	rows, err := connected(nil).Query("SELECT * FROM od_types WHERE id > ? ORDER BY id", 0)
	check(err)
	defer rows.Close()
	columns, err := rows.Columns()
	check(err)
	return map[string]interface{}{"columns": columns, "rows": rowsOf(rows)}
}

func transactions() interface{} {
	pool := connected(nil)
	seen := []string{}
	for _, end := range []func(*sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
		transaction, err := pool.Begin()
		check(err)
		_, err = transaction.Exec(insert, "in a transaction")
		check(err)
		check(end(transaction))
		count := selected(pool, "SELECT COUNT(*) FROM od_item WHERE note = ?", "in a transaction")
		seen = append(seen, fmt.Sprint(count[0][0]))
	}
	return json.RawMessage("[" + strings.Join(seen, ",") + "]")
}

func duplicate() interface{} {
	pool := connected(nil)
	_, err := pool.Exec(insert, "twice")
	check(err)
	_, err = pool.Exec(insert, "twice")
	var failed *mysql.MySQLError
	if !errors.As(err, &failed) {
		return "no error"
	}
	return map[string]interface{}{"code": failed.Number, "after": selected(pool, "SELECT 1")[0][0]}
}

func big() interface{} {
	pool := connected(nil)
	content := make([]byte, task.Big)
	for index := range content {
		content[index] = byte(index % 251)
	}
	_, err := pool.Exec("INSERT INTO od_big (content) VALUES (?)", content)
	check(err)
	stored := selected(pool, "SELECT SHA2(content, 256) FROM od_big")[0][0]
	var back []byte
	check(pool.QueryRow("SELECT content FROM od_big WHERE id > ?", 0).Scan(&back))
	sum := sha256.Sum256(back)
	return map[string]interface{}{"length": len(back), "stored": stored, "fetched": hex.EncodeToString(sum[:])}
}

func repeated() interface{} {
	statement, err := connected(nil).Prepare("SELECT ? + 1")
	check(err)
	sum := 0
	for number := 1; number <= 50; number++ {
		var value float64
		check(statement.QueryRow(number).Scan(&value))
		sum += int(value)
	}
	return sum
}

func infile() interface{} {
	path := strings.Split(task.Infile, "'")[1]
	mysql.RegisterLocalFile(path)
	pool := connected(nil)
	done, err := pool.Exec(task.Infile)
	check(err)
	affected, err := done.RowsAffected()
	check(err)
	notes := []interface{}{}
	for _, row := range selected(pool, "SELECT note FROM od_item WHERE note LIKE 'line%' ORDER BY id") {
		notes = append(notes, row[0])
	}
	return map[string]interface{}{"affected": affected, "rows": notes}
}

// A context that ends makes the driver close the connection in mid-statement; the pool opens another one.
func cancelled() interface{} {
	pool := connected(nil)
	limit, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var value int
	err := pool.QueryRowContext(limit, "SELECT SLEEP(12)").Scan(&value)
	return []interface{}{errors.Is(err, context.DeadlineExceeded), selected(pool, "SELECT 1")[0][0]}
}

// The pool keeps connections for the next use, and finds out that one was killed.
func killed() interface{} {
	pool := connected(nil)
	victim, err := pool.Conn(context.Background())
	check(err)
	number := selected(victim, "SELECT CONNECTION_ID()")[0][0]
	ended := make(chan error)
	go func() {
		_, err := victim.ExecContext(context.Background(), "SELECT SLEEP(12)")
		ended <- err
	}()
	time.Sleep(200 * time.Millisecond)
	_, err = pool.Exec(fmt.Sprintf("KILL %v", number))
	check(err)
	lost := <-ended != nil
	victim.Close()
	return []interface{}{lost, selected(pool, "SELECT 1")[0][0]}
}

func concurrent() interface{} {
	pool := connected(nil)
	pool.SetMaxOpenConns(10)
	answers := make(chan int)
	for number := 0; number < 40; number++ {
		go func(number int) {
			var value int
			if err := pool.QueryRow("SELECT ?", number).Scan(&value); err != nil {
				value = -1000000
			}
			answers <- value
		}(number)
	}
	sum := 0
	for number := 0; number < 40; number++ {
		sum += <-answers
	}
	return sum
}

func wrongAuthority() interface{} {
	task.Authority = task.WrongAuthority
	if connected(nil).Ping() != nil {
		return "refused"
	}
	return "connected"
}

var scenarios = map[string]func() interface{}{
	"select":            func() interface{} { return selected(connected(nil), "SELECT 1, 'two', NULL") },
	"types":             types,
	"transactions":      transactions,
	"duplicate":         duplicate,
	"big":               big,
	"repeated":          repeated,
	"infile":            infile,
	"cancelled":         cancelled,
	"killed_connection": killed,
	"concurrent":        concurrent,
	"emoji": func() interface{} {
		pool := connected(nil)
		_, err := pool.Exec(insert, task.Emoji)
		check(err)
		return selected(pool, "SELECT note, HEX(note) FROM od_item WHERE note = ?", task.Emoji)
	},
	"procedure": func() interface{} { return results(connected(nil), "CALL three_results()") },
	"multi":     multi,
	"parsed_time": func() interface{} {
		pool := connected(func(config *mysql.Config) { config.ParseTime = true })
		return selected(pool, "SELECT day, moment FROM od_types WHERE id = ?", 1)
	},
	"wrong_authority": wrongAuthority,
}

func run(name string) (seen interface{}) {
	defer func() {
		if problem := recover(); problem != nil {
			seen = map[string]string{"raised": fmt.Sprint(problem)}
		}
	}()
	return scenarios[name]()
}

func main() {
	check(json.NewDecoder(os.Stdin).Decode(&task))
	report := map[string]interface{}{}
	for _, name := range task.Scenarios {
		report[name] = run(name)
	}
	check(json.NewEncoder(os.Stdout).Encode(report))
}
