// SPDX-License-Identifier: MIT
// Sorts, filters and opens the rows of the accounts. Everything is there
// without it; names only ever become text nodes.
"use strict";
document.documentElement.className = "js";
document.addEventListener("DOMContentLoaded", function () {
	var PAGE = 100, BEYOND = 8, ON_PAPER = 1000;
	var table = document.getElementById("accounts");
	if (!table)
		return;
	var raw = table.tBodies[0];
	var heads = Array.from(table.tHead.rows[0].cells);
	var lines = linesOf("data"), sharedLines = linesOf("shared");
	var search = document.getElementById("search");
	var chosen = ["state", "grade", "group"].map(function (id) {
		return document.getElementById(id);
	});
	var count = document.getElementById("count");
	var more = document.getElementById("more");
	var body = document.createElement("tbody");
	// of very many accounts there are only the rows that are looked at
	var large = document.getElementById("rows");
	var grades, rows = large ? rowsOfData() : rowsOfTable();
	var shown = rows, drawn = 0, sortColumn = -1, ascending = true;

	raw.remove();
	table.appendChild(body);

	// every line but the first and the last is one value
	function linesOf(id) {
		var e = document.getElementById(id);
		return e ? e.textContent.split("\n") : [];
	}

	function valueOf(line) {
		return JSON.parse(line.replace(/,$/, ""));
	}

	function newRow(place) {
		return {place: place, tr: null, data: null, text: null, state: "",
			grade: "", groups: [], look: false, keys: [], button: null,
			detail: null, isOpen: false, index: 0, height: 0};
	}

	function rowsOfTable() {
		return Array.from(raw.rows).map(function (tr, place) {
			var d = tr.dataset, row = newRow(place);
			row.tr = tr;
			row.state = d.state;
			row.grade = d.grade;
			row.groups = d.groups ? d.groups.split(" ") : [];
			row.look = d.look === "1";
			return row;
		});
	}

	// behind the cells: look, taken, groups, and what only the search sees
	function rowsOfData() {
		var all = JSON.parse(large.textContent), n = heads.length;
		grades = all.shift();
		return all.map(function (d, place) {
			var row = newRow(place);
			row.data = d;
			row.state = d[1];
			row.grade = grades[d[2]][0];
			row.groups = d[n + 2] ? d[n + 2].split(" ") : [];
			row.look = d[n] === 1;
			return row;
		});
	}

	function make(name, text, className) {
		var e = document.createElement(name);
		if (text !== undefined)
			e.textContent = text;
		if (className)
			e.className = className;
		return e;
	}

	function key(row, column) {
		if (row.keys[column] === undefined && large) {
			var value = row.data[column];
			row.keys[column] = typeof value === "number" ? value :
				value.toLowerCase();
		} else if (row.keys[column] === undefined) {
			var cell = row.tr.cells[column], v = cell.dataset.v;
			row.keys[column] = v !== undefined ? Number(v) :
				cell.textContent.toLowerCase();
		}
		return row.keys[column];
	}

	function fill(select, values) {
		Array.from(new Set(values)).sort().forEach(function (v) {
			var option = make("option", v);
			option.value = v;
			select.appendChild(option);
		});
		select.parentNode.hidden = select.options.length < 2;
	}

	// ---------------------------------------------------------- one row

	function grid(names, numeric, list, from) {
		var t = make("table"), head = t.createTHead().insertRow();
		names.forEach(function (n, i) {
			var th = make("th", n, i >= numeric ? "n" : "");
			th.scope = "col";
			head.appendChild(th);
		});
		var b = t.createTBody();
		list.forEach(function (item) {
			var tr = b.insertRow();
			from(item).forEach(function (v, i) {
				var td = tr.insertCell();
				td.textContent = v;
				if (i >= numeric)
					td.className = "n";
			});
		});
		return t;
	}

	function number(n) {
		return n.toLocaleString("en-US");
	}

	function bytes(n) {
		var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], u = 0;
		while (n >= 1024 && u < units.length - 1) {
			n /= 1024;
			u++;
		}
		return (u ? n.toFixed(1) : n) + " " + units[u];
	}

	function part(cell, title, content, className) {
		content.className = className || "";
		cell.appendChild(make("h3", title));
		var box = make("div", undefined, "wide");
		box.appendChild(content);
		cell.appendChild(box);
	}

	function folderRow(f) {
		return [f[0], f[1] === 0 ? "same name" : f[1], number(f[2]),
			number(f[3]), number(f[4]), number(f[5]), number(f[6]),
			number(f[7]), bytes(f[8])];
	}

	function itemRow(i) {
		return [i[0] ? "note" : "refused", i[1],
			i[2] ? "message " + i[2] + (i[3] ? " of " + i[3] : "") : "the mailbox",
			i[5], i[6], i[7], i[8], i[4] ? bytes(i[4]) : ""];
	}

	function settingRow(t) {
		return [t[0], t[1], t[2] && t[3] ? t[2] + ", " + t[3] :
			t[2] || t[3]];
	}

	// as they counted when the run began
	function settings(cell, t) {
		var all = t[1].concat(t[0] < 0 ? [] :
			valueOf(sharedLines[t[0] + 1]));
		var box = make("details");
		box.appendChild(make("summary", "Settings (" + all.length + ")"));
		var scroll = make("div", undefined, "wide");
		scroll.appendChild(grid(["Setting", "Value", "Where it comes from"],
			3, all, settingRow));
		box.appendChild(scroll);
		cell.appendChild(box);
	}

	function buildDetail(row) {
		var data = valueOf(lines[row.place + 1]);
		var tr = make("tr", undefined, "detail"), cell = tr.insertCell();
		cell.colSpan = heads.length;
		var facts = make("dl", undefined, "facts");
		data.s.forEach(function (pair) {
			facts.appendChild(make("dt", pair[0]));
			facts.appendChild(make("dd", pair[1]));
		});
		cell.appendChild(make("h3", "Account"));
		cell.appendChild(facts);
		if (data.f.length)
			part(cell, "Folders", grid(["Old name", "New name", "Source",
				"Copied", "Present", "Refused", "By rule", "Missing",
				"Size"], 2, data.f, folderRow));
		if (data.fl)
			cell.appendChild(make("p", number(data.fl) +
				" more folders are in report.jsonl.gz", "soft"));
		if (data.i.length)
			part(cell, "Refused, and notes", grid(["", "Folder", "What",
				"Dated", "Message-ID", "Reason", "In words", "Size"],
				7, data.i, itemRow), "items");
		if (data.il)
			cell.appendChild(make("p", number(data.il) +
				" more are in report.jsonl.gz", "soft"));
		if (data.t)
			settings(cell, data.t);
		return tr;
	}

	function toggle(row) {
		row.isOpen = !row.isOpen;
		row.button.setAttribute("aria-expanded", String(row.isOpen));
		if (row.isOpen && !row.detail)
			row.detail = buildDetail(row);
		if (large)
			drawView(true);
		else if (row.isOpen)
			row.tr.after(row.detail);
		else
			row.detail.remove();
	}

	function duration(s) {
		if (s >= 3600)
			return Math.floor(s / 3600) + " h " +
				Math.floor(s / 60) % 60 + " min";
		return s >= 60 ? Math.floor(s / 60) + " min " + s % 60 + " s" :
			s + " s";
	}

	function gradeOf(cell, d) {
		var grade = grades[d[2]], e = make("span", undefined, "g " + grade[0]);
		var sign = make("b", grade[1]);
		sign.setAttribute("aria-hidden", "true");
		e.appendChild(sign);
		e.appendChild(document.createTextNode(grade[2]));
		cell.appendChild(e);
		if (d[heads.length + 1])
			cell.appendChild(make("span", " taken", "soft"));
	}

	function makeRow(row) {
		var tr = make("tr"), d = row.data;
		heads.forEach(function (head, i) {
			var cell = make(i ? "td" : "th", undefined, head.className);
			if (i === 0)
				cell.scope = "row";
			if (i === 2)
				gradeOf(cell, d);
			else
				cell.textContent = i === 8 ? bytes(d[i]) :
					i === 9 ? duration(d[i]) :
					typeof d[i] === "number" ? number(d[i]) : d[i];
			tr.appendChild(cell);
		});
		tr.setAttribute("aria-rowindex", String(row.index + 2));
		row.button = null;
		return tr;
	}

	function prepare(row) {
		if (!row.tr)
			row.tr = makeRow(row);
		if (row.button)
			return;
		var cell = row.tr.cells[0];
		row.button = make("button", cell.textContent, "open");
		row.button.type = "button";
		row.button.setAttribute("aria-expanded", String(row.isOpen));
		row.button.addEventListener("click", function () {
			toggle(row);
		});
		cell.textContent = "";
		cell.appendChild(row.button);
	}

	// --------------------------------------------------------- all rows

	function draw(until) {
		var part = document.createDocumentFragment();
		for (; drawn < Math.min(until, shown.length); drawn++) {
			var row = shown[drawn];
			prepare(row);
			part.appendChild(row.tr);
			if (row.isOpen)
				part.appendChild(row.detail);
		}
		body.appendChild(part);
		more.hidden = large !== null || drawn >= shown.length;
	}

	// ------------------------------------- only the rows that are in view

	var box = table.parentNode, rowHeight = 0, opened = [], inView = [];
	var above = make("tr", undefined, "gap"), below = make("tr", undefined,
		"gap"), focused = 0, onPaper = false;

	function position(index) {
		return opened.reduce(function (y, row) {
			return row.index < index ? y + row.height : y;
		}, index * rowHeight);
	}

	function indexAt(y) {
		var low = 0, high = shown.length;
		while (low < high) {
			var middle = (low + high) >> 1;
			if (position(middle + 1) <= y)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}

	function forget(row) {
		row.tr.remove();
		if (row.detail)
			row.detail.remove();
		row.tr = row.button = null;
	}

	// What stays is left where it is, so that it keeps the focus.
	function place(first, last) {
		var wanted = shown.slice(first, last), at = above.nextSibling;
		var set = new Set(wanted);
		var had = inView.some(function (row) {
			return row.button === document.activeElement && !set.has(row);
		});
		if (had)
			box.focus({preventScroll: true});
		inView.forEach(function (row) {
			if (!set.has(row) && row.tr)
				forget(row);
			else if (!row.isOpen && row.detail)
				row.detail.remove();
		});
		at = above.nextSibling;
		wanted.forEach(function (row) {
			prepare(row);
			[row.tr].concat(row.isOpen ? [row.detail] : []).forEach(
				function (e) {
					if (at === e)
						at = at.nextSibling;
					else
						body.insertBefore(e, at);
				});
		});
		inView = wanted;
	}

	function measure() {
		var changed = false;
		inView.forEach(function (row) {
			var height = row.isOpen ? row.detail.offsetHeight : row.height;
			changed = changed || height !== row.height;
			row.height = height;
		});
		return changed;
	}

	function drawView(again) {
		if (onPaper)
			return;
		opened = shown.filter(function (row) {
			return row.isOpen;
		});
		var first = Math.max(0, indexAt(box.scrollTop) - BEYOND);
		var last = Math.min(shown.length, BEYOND + 1 +
			indexAt(box.scrollTop + box.clientHeight));
		if (again || inView[0] !== shown[first] ||
			inView.length !== last - first) {
			place(first, last);
			if (measure())
				opened = opened.slice();
		}
		above.firstChild.style.height = position(first) + "px";
		below.firstChild.style.height = position(shown.length) -
			position(last) + "px";
	}

	function begin() {
		inView.forEach(function (row) {
			if (row.tr)
				forget(row);
		});
		inView = [];
		body.textContent = "";
		body.appendChild(above);
		body.appendChild(below);
		shown.forEach(function (row, index) {
			row.index = index;
		});
		table.setAttribute("aria-rowcount", String(shown.length + 1));
		if (!rowHeight && shown.length) {
			place(0, 1);
			rowHeight = inView[0].tr.getBoundingClientRect().height;
		}
		box.scrollTop = focused = 0;
		drawView(true);
	}

	function go(index) {
		focused = Math.max(0, Math.min(shown.length - 1, index));
		if (focused < 0 || !shown.length)
			return;
		var top = position(focused), head = table.tHead.offsetHeight;
		if (top < box.scrollTop)
			box.scrollTop = top;
		else if (top + rowHeight + head > box.scrollTop + box.clientHeight)
			box.scrollTop = top + rowHeight + head - box.clientHeight;
		drawView(false);
		shown[focused].button.focus({preventScroll: true});
	}

	function onKey(event) {
		var page = Math.max(1, Math.floor(box.clientHeight / rowHeight) - 2);
		var steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page,
			Home: -shown.length, End: shown.length};
		var isOurs = event.target === box ||
			event.target.classList.contains("open");
		if (!isOurs || !(event.key in steps) || event.altKey ||
			event.ctrlKey || event.metaKey)
			return;
		event.preventDefault();
		var here = inView.filter(function (row) {
			return row.button === event.target;
		})[0];
		go((here ? here.index : focused) + steps[event.key]);
	}

	function makeView() {
		[above, below].forEach(function (gap) {
			gap.insertCell().colSpan = heads.length;
			gap.setAttribute("aria-hidden", "true");
		});
		box.classList.add("view");
		box.tabIndex = 0;
		box.setAttribute("role", "group");
		box.setAttribute("aria-label", "Accounts; arrow keys move");
		box.addEventListener("scroll", function () {
			window.requestAnimationFrame(function () {
				drawView(false);
			});
		});
		box.addEventListener("keydown", onKey);
		box.addEventListener("toggle", function () {
			drawView(true);
		}, true);
		window.addEventListener("resize", function () {
			drawView(true);
		});
		window.addEventListener("afterprint", function () {
			onPaper = false;
			begin();
		});
	}

	function drawForPaper() {
		onPaper = true;
		body.textContent = "";
		drawn = 0;
		draw(ON_PAPER);
		inView = shown.slice(0, drawn);
	}

	function matches(row, words) {
		if (chosen[0].value && row.state !== chosen[0].value)
			return false;
		if (chosen[1].value === "look" ? !row.look :
			chosen[1].value && row.grade !== chosen[1].value)
			return false;
		if (chosen[2].value && row.groups.indexOf(chosen[2].value) < 0)
			return false;
		if (words.length && row.text === null)
			row.text = (large ? row.data.slice(0, heads.length).join(" ") +
				" " + row.data.slice(heads.length + 3).join(" ") :
				row.tr.textContent + " " + row.tr.dataset.find
			).toLowerCase();
		return words.every(function (w) {
			return row.text.indexOf(w) >= 0;
		});
	}

	function show() {
		var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
		shown = rows.filter(function (row) {
			return matches(row, words);
		});
		if (sortColumn >= 0)
			shown.sort(function (a, b) {
				var x = key(a, sortColumn), y = key(b, sortColumn);
				var order = x < y ? -1 : x > y ? 1 : 0;
				return (ascending ? order : -order) || a.place - b.place;
			});
		if (large) {
			begin();
		} else {
			body.textContent = "";
			drawn = 0;
			draw(PAGE);
		}
		count.textContent = number(shown.length) + " of " +
			number(rows.length) + " accounts";
	}

	heads.forEach(function (th, column) {
		var button = make("button", th.textContent);
		button.type = "button";
		th.textContent = "";
		th.appendChild(button);
		button.addEventListener("click", function () {
			ascending = sortColumn === column ? !ascending :
				th.className !== "n";
			sortColumn = column;
			heads.forEach(function (other) {
				other.removeAttribute("aria-sort");
			});
			th.setAttribute("aria-sort",
				ascending ? "ascending" : "descending");
			show();
		});
	});
	fill(chosen[0], rows.map(function (r) { return r.state; }));
	fill(chosen[2], [].concat.apply([], rows.map(function (r) {
		return r.groups;
	})));
	search.addEventListener("input", show);
	chosen.forEach(function (select) {
		select.addEventListener("change", show);
	});
	more.addEventListener("click", function () {
		draw(drawn + 10 * PAGE);
	});
	window.addEventListener("beforeprint", function () {
		if (large)
			drawForPaper();
		else
			draw(shown.length);
	});
	if (large)
		makeView();
	show();
});
