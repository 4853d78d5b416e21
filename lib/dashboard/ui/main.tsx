import { render } from 'preact';
// First and in this order: the styles of parts come after them, and those of narrow screens after what they change.
import './styles/base.css';
import './styles/frame.css';
import './styles/controls.css';
import './styles/tables.css';
import './styles/dialogs.css';
import './styles/narrow.css';
import { App } from './app.js';

render(<App />, document.getElementById('app')!);
