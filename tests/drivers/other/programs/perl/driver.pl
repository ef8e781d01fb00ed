# Runs scenarios with DBD::MariaDB: a JSON task on the standard input, a JSON report on the standard output.
use strict;
use warnings;
use utf8;
use DBI qw(:sql_types);
use DBD::MariaDB;
use Digest::SHA qw(sha256_hex);
use JSON::PP;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $task = $json->decode(do { local $/; <STDIN> });

# A value as text: NULL stays, bytes that are no UTF-8 text become hexadecimal.
sub shown {
    my ($value) = @_;
    return undef unless defined $value;
    return "$value" if utf8::is_utf8($value);
    my $copy = "$value";
    return $copy if $copy !~ /[\x00-\x1f\x7f-\xff]/;
    return $copy if $copy !~ /[\x00-\x1f]/ && utf8::decode($copy);
    return 'x' . unpack('H*', $value);
}

sub connected {
    my (%more) = @_;
    my $source = "DBI:MariaDB:database=$task->{database};host=$task->{host};port=$task->{port}";
    my %options = (RaiseError => 1, PrintError => 0, AutoCommit => 1, %more);
    $options{mariadb_server_prepare} //= $task->{prepared} ? 1 : 0;
    $options{mariadb_compression} = 1 if $task->{compress};
    if ($task->{authority}) {
        $options{mariadb_ssl} = 1;
        $options{mariadb_ssl_ca_file} = $task->{authority};
        $options{mariadb_ssl_verify_server_cert} = 1;
    }
    return DBI->connect($source, $task->{user}, $task->{password}, \%options);
}

sub rows { return [map { [map { shown($_) } @$_] } @{ $_[0]->fetchall_arrayref }] }

sub selected {
    my ($connection, $sql, @values) = @_;
    my $statement = $connection->prepare($sql);
    $statement->execute(@values);
    return rows($statement);
}

sub one { return selected(@_)->[0][0] }

# All results of a statement, and the number of the error that ends them.
sub results {
    my ($connection, $sql) = @_;
    my @seen;
    my $statement = $connection->prepare($sql);
    eval {
        $statement->execute;
        do {
            push @seen, rows($statement) if $statement->{NUM_OF_FIELDS};
        } while ($statement->more_results);
        1;
    } or push @seen, { code => $statement->err };
    return \@seen;
}

my %scenarios = (
    select => sub { return selected(connected(), "SELECT 1, 'two', NULL") },
    types => sub {
        my $connection = connected();
        my $statement = $connection->prepare('SELECT * FROM od_types ORDER BY id');
        $statement->execute;
        return { columns => $statement->{NAME}, rows => rows($statement) };
    },
    emoji => sub {
        my $connection = connected();
        $connection->do('INSERT INTO od_item (note) VALUES (?)', undef, $task->{emoji});
        return selected($connection, 'SELECT note, HEX(note) FROM od_item WHERE note = ?', $task->{emoji});
    },
    transactions => sub {
        my $connection = connected();
        my @seen;
        for my $end (qw(rollback commit)) {
            $connection->begin_work;
            $connection->do('INSERT INTO od_item (note) VALUES (?)', undef, 'in a transaction');
            $connection->$end;
            push @seen, 0 + one($connection, "SELECT COUNT(*) FROM od_item WHERE note = 'in a transaction'");
        }
        return \@seen;
    },
    duplicate => sub {
        my $connection = connected();
        my $insert = $connection->prepare('INSERT INTO od_item (note) VALUES (?)');
        $insert->execute('twice');
        eval { $insert->execute('twice'); 1 } and die 'no error';
        my @error = ($insert->err, $insert->state);
        return { code => $error[0], state => $error[1], after => one($connection, 'SELECT 1') };
    },
    big => sub {
        my $connection = connected();
        my $pattern = pack('C*', 0 .. 250);
        my $content = substr($pattern x (int($task->{big} / 251) + 1), 0, $task->{big});
        my $insert = $connection->prepare('INSERT INTO od_big (content) VALUES (?)');
        $insert->bind_param(1, $content, SQL_BLOB);
        $insert->execute;
        my $stored = one($connection, 'SELECT SHA2(content, 256) FROM od_big');
        my $statement = $connection->prepare('SELECT content FROM od_big');
        $statement->execute;
        my ($back) = $statement->fetchrow_array;
        return { length => length($back), stored => $stored, fetched => sha256_hex($back) };
    },
    repeated => sub {
        my $connection = connected();
        my $statement = $connection->prepare('SELECT ? + 1');
        my $sum = 0;
        for my $number (1 .. 50) {
            $statement->bind_param(1, $number, SQL_INTEGER);
            $statement->execute;
            $sum += ($statement->fetchrow_array)[0];
            $statement->finish;
        }
        return $sum;
    },
    procedure => sub { return results(connected(mariadb_server_prepare => 0), 'CALL three_results()') },
    multi => sub {
        my $connection = connected(mariadb_server_prepare => 0, mariadb_multi_statements => 1);
        return results($connection, $task->{multi});
    },
    infile => sub {
        my $connection = connected(mariadb_server_prepare => 0, mariadb_local_infile => 1);
        my $affected = $connection->do($task->{infile});
        my $notes = selected($connection, "SELECT note FROM od_item WHERE note LIKE 'line%' ORDER BY id");
        return { affected => 0 + $affected, rows => [map { $_->[0] } @$notes] };
    },
    asynchronous => sub {
        my $connection = connected(mariadb_server_prepare => 0);
        my $statement = $connection->prepare('SELECT SLEEP(0.05), 7', { mariadb_async => 1 });
        $statement->execute;
        select undef, undef, undef, 0.01 until $statement->mariadb_async_ready;
        $statement->mariadb_async_result;
        return rows($statement);
    },
    reset => sub {
        my $connection = connected();
        $connection->do('SET @kept = 5');
        my $alive = $connection->ping ? 'alive' : 'gone';
        return [$alive, one($connection, 'SELECT @kept'), one($connection, 'SELECT DATABASE()')];
    },
    wrong_authority => sub {
        local $task->{authority} = $task->{wrong_authority};
        eval { connected(); 1 } and return 'connected';
        return 'refused';
    },
);

my %report;
for my $name (@{ $task->{scenarios} }) {
    $report{$name} = eval { $scenarios{$name}->() };
    $report{$name} = { raised => "$@" } if $@;
}
print $json->encode(\%report);
