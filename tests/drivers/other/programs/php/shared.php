<?php
// What the programs for mysqli and PDO share: the task, how values are shown, and the report.

$task = json_decode(stream_get_contents(STDIN), true);

/** A value as text: NULL stays, bytes that are no UTF-8 text become hexadecimal. */
function shown($value)
{
    if ($value === null) {
        return null;
    }
    $text = (string) $value;
    return preg_match('/[\x00-\x1f]/', $text) || !preg_match('//u', $text) ? 'x' . bin2hex($text) : $text;
}

function shown_rows(array $rows): array
{
    return array_map(fn ($row) => array_map('shown', array_values($row)), $rows);
}

/** The content of the big value: bytes 0 to 250 over and over. */
function big_content(int $length): string
{
    $pattern = implode('', array_map('chr', range(0, 250)));
    return substr(str_repeat($pattern, intdiv($length, 251) + 1), 0, $length);
}

/** Run the scenarios that the task names, and print what each saw. */
function report(array $scenarios): void
{
    global $task;
    $report = [];
    foreach ($task['scenarios'] as $name) {
        try {
            $report[$name] = $scenarios[$name]();
        } catch (Throwable $error) {
            $report[$name] = ['raised' => get_class($error) . ': ' . $error->getMessage()];
        }
    }
    echo json_encode($report, JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
}
