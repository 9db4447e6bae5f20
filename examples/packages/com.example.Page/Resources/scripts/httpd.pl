#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# httpd.pl ADDRESS PORT STATE
#
# Serves the file STATE/page.txt to every GET as a page. It listens first and
# goes to the background then, so that a port in use is an error of this call;
# it writes its process ID to STATE/httpd.pid and its port to STATE/httpd.port.
# It uses only what Debian's perl-base has.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();

my ($address, $port, $state) = @ARGV;

my $listener = IO::Socket::INET->new(
    LocalAddr => $address,
    LocalPort => $port,
    Listen    => 16,
    ReuseAddr => 1,
) or die "httpd.pl: listen on $address port $port: $@\n";

put("$state/httpd.port", $listener->sockport . "\n");

my $child = fork;
die "httpd.pl: fork: $!\n" unless defined $child;
if ($child) {
    put("$state/httpd.pid", "$child\n");
    # _exit: the listener belongs to the child now.
    POSIX::_exit(0);
}

POSIX::setsid();
chdir '/';
open STDIN,  '<', '/dev/null';
open STDOUT, '>', '/dev/null';
open STDERR, '>', '/dev/null';
$SIG{PIPE} = 'IGNORE';

while (1) {
    my $client = $listener->accept or next;
    # A client that says nothing must not keep the others waiting.
    eval {
        local $SIG{ALRM} = sub { die "slow client\n" };
        alarm 5;
        serve($client);
        alarm 0;
    };
    alarm 0;
    close $client;
}

# serve answers one request.
sub serve {
    my ($client) = @_;
    my $request = <$client> // '';
    while (defined(my $header = <$client>)) {
        last if $header =~ /^\r?\n$/;
    }
    my $method = $request =~ /^(GET|HEAD) / ? $1 : '';
    my ($status, $body) = ('200 OK', page());
    ($status, $body) = ('405 Method Not Allowed', "<!DOCTYPE html>\n<p>GET only\n") unless $method;
    print $client "HTTP/1.0 $status\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
        'Content-Length: ', length $body, "\r\n",
        "Connection: close\r\n\r\n",
        $method eq 'HEAD' ? '' : $body;
    $client->flush;
}

# page is the text as HTML.
sub page {
    open my $file, '<', "$state/page.txt" or return "<!DOCTYPE html>\n<p>The text is gone.\n";
    my $text = do { local $/; <$file> };
    $text =~ s/&/&amp;/g;
    $text =~ s/</&lt;/g;
    $text =~ s/>/&gt;/g;
    return "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>Murano</title></head>\n<body>\n<h1>$text</h1>\n</body>\n</html>\n";
}

# put writes a file in one step.
sub put {
    my ($name, $text) = @_;
    open my $file, '>', "$name.new" or die "httpd.pl: write $name: $!\n";
    print $file $text;
    close $file or die "httpd.pl: write $name: $!\n";
    rename "$name.new", $name or die "httpd.pl: write $name: $!\n";
}
